"""What customers of a Brazilian shop write: made-up names and sentences for demonstrations."""

from typing import Final

__all__ = ["CAPTIONS", "FOLLOW_UPS", "NAMES", "OPENINGS"]

NAMES: Final = (
    "Maria Souza",
    "João Pereira",
    "Ana Clara",
    "Luiz Fernando",
    "Beatriz Lima",
    "Carlos Eduardo",
    "Fernanda Rocha",
    "Rafael Martins",
    "Juliana Alves",
    "Pedro Henrique",
    "Camila Nogueira",
    "Thiago Barbosa",
    "Larissa Mendes",
    "Gustavo Ramos",
    "Patrícia Duarte",
    "Seu Antônio",
    "Dona Célia",
    "Bruno 🇧🇷",
    "Letícia ✨",
    "Vinícius Prado",
)

OPENINGS: Final = (
    "Oi, bom dia!",
    "Olá, tudo bem?",
    "Boa tarde, vocês estão atendendo?",
    "Oi! Vi o anúncio de vocês no Instagram",
    "Bom dia, gostaria de fazer um pedido",
    "Olá, preciso de ajuda com uma compra",
    "Boa noite, ainda dá tempo de pedir hoje?",
    "Oi, a {name} me indicou a loja",
)

FOLLOW_UPS: Final = (
    "Qual o prazo de entrega para o CEP 01310-100?",
    "Vocês aceitam Pix?",
    "Tem desconto à vista?",
    "Meu pedido {order} ainda não chegou 😕",
    "Consegue me mandar uma foto do produto?",
    "Ele vem na cor azul?",
    "Dá pra parcelar em 3x sem juros?",
    "Perfeito, obrigada!",
    "Pode ser amanhã de manhã?",
    "Qual o horário de vocês no sábado?",
    "Fiz o pagamento agora, pode confirmar?",
    "O código de rastreio do {order} não funciona",
    "Preciso trocar o tamanho, veio errado",
    "👍",
    "Certo, fico no aguardo então",
    "Vocês entregam em Guarulhos?",
    "Quanto fica o frete?",
    "Desculpa a demora, estava no trabalho. Ainda tem no estoque? Se tiver eu quero dois, "
    "um pra mim e um pra minha irmã que mora em Campinas.",
    "Esqueci de falar: é pra presente 🎁",
    "Muito obrigado pelo atendimento!",
)

CAPTIONS: Final = (
    "Chegou assim, olha",
    "É esse modelo aqui",
    "Segue o comprovante",
    "",
)
